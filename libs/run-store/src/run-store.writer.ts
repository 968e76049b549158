// Appends events until it is killed, and says which ones are stored. Run by run-store.test.ts.
import { RunStore } from './run-store.ts';

const store = RunStore.open(process.argv[2] ?? '', { collection: 'runs' });
const bytes = new TextEncoder().encode('x'.repeat(200));
const name =
  store.unfinished()[0]?.name ??
  store.create({ requestId: '', requestDigest: '', spec: bytes, state: 1, resource: () => bytes, event: () => bytes })
    .resource.name;
const next = (): void => {
  process.send?.(store.append(name, bytes));
  setImmediate(next);
};
next();
