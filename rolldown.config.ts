import { defineConfig } from 'rolldown';

export default defineConfig({
  input: { main: 'src/main.ts', commands: 'src/commands.ts' },
  platform: 'node',
  output: { dir: 'dist', cleanDir: true, sourcemap: true, format: 'esm' },
});
