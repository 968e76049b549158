import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Paths and URIs that lead nowhere good, made below a folder of artifacts where they need to be. */
export function hostilePlaces(root: string): {
  readonly outside: readonly string[];
  readonly inside: readonly string[];
} {
  const at = (...parts: string[]): string => path.join(root, ...parts);
  mkdirSync(at('hostile'));
  execFileSync('mkfifo', [at('hostile/pipe'), at('hostile/pipe.jsonl')]);
  symlinkSync('/etc', at('hostile/way-out'));
  symlinkSync('/etc/passwd', at('hostile/passwd.jsonl'));
  symlinkSync('/dev/zero', at('hostile/zero.jsonl'));
  symlinkSync(at('hostile/loop'), at('hostile/loop'));
  symlinkSync(at('hostile/nothing'), at('hostile/to-nothing'));
  writeFileSync(at('hostile/empty.jsonl'), '');
  writeFileSync(
    at('hostile/binary.jsonl'),
    Buffer.from(Array.from({ length: 4096 }, (_, index) => (index * 7919) % 256)),
  );
  return {
    outside: [
      '/', '/etc/passwd', '/proc/self/environ', '/proc/self/mem', '/proc/self/fd/0', '/proc/kcore', '/proc/1/root', '/dev/zero',
      '/dev/stdin', '/dev/random', '/dev/full', '/sys/kernel', '..', '../../../etc/passwd', `${root}/../../etc/passwd`,
      `${root}/hostile/way-out/passwd`, `${root}/hostile/way-out`, `${root}/hostile/passwd.jsonl`, `${root}/hostile/zero.jsonl`,
      `${root}/hostile/loop`, `${root}/hostile/to-nothing`, `file://${root}/%2e%2e/%2e%2e/etc/passwd`, 'file:///etc/passwd',
      'file:/etc/passwd', `${root}-other/x`, `${'x/'.repeat(3000)}x`, `~/.ssh/id_rsa`, '.', 'data:text/plain,x', 'C:\\Windows',
      's3://bucket/key', 's3://bucket', 'S3://bucket/key',
    ], // prettier-ignore
    inside: [
      'http://127.0.0.1:9/model', 'https://169.254.169.254/latest/meta-data', 'ftp://host/file', 'gs://bucket/x',
      's3:', 's3://', 's3://Bucket/x', 's3://bucket/../x', 's3://key:word@bucket/x', 's3://bucket/x?X-Amz-Signature=0', 'az://x', 'hdfs://x/y', 'hf:', 'hf:../../etc', 'hf:a/../b', 'hf:a/b@../../x', 'hf:a/b/c', 'hf:a b/c', 'hf:/etc/passwd', 'hf:a/b@',
      'file://host/etc/passwd', 'file://localhost:80/x', `file://${root}/%2Fetc`, 'file:', `file://${root}/%ZZ`, 'file:///%00',
      `${root}/a\0b`, '', `${root}/none`, `${root}/${'x'.repeat(300)}`, `${root}/${'x/'.repeat(1500)}x`, `${root}/hostile/pipe`,
      `${root}/hostile/pipe.jsonl`, `${root}/hostile/empty.jsonl`, `${root}/hostile/empty.jsonl/below`, `${root}/hostile/binary.jsonl`,
      `${root}/hostile`, 'javascript://x', 'unix://x', `\u0000`, `${root}/hostile/\u202epipe`,
    ], // prettier-ignore
  };
}
