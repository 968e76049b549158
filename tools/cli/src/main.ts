import { enableCompileCache } from 'node:module';

// Stripped types and compiled code are kept between starts; without it each start pays for both again.
enableCompileCache();

const { runCommandLine } = await import('./command-line.ts');
process.exitCode = await runCommandLine(process.argv.slice(2));
