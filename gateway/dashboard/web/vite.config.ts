import { createHash } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vitest/config'
import type { Plugin } from 'vite'

const root = fileURLToPath(new URL('.', import.meta.url))

/** What the build is made from: every file of this folder but what is installed, in the order of the bytes of the names. */
function inputs(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name)
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : inputs(path)
    return [relative(root, path).split(sep).join('/')]
  })
}

/** Writes sources.sha256 beside the build, in the format of sha256sum: whoever has it can tell that the build is stale. */
function stamp(): Plugin {
  return {
    name: 'stamp',
    apply: 'build',
    generateBundle() {
      const lines = inputs(root)
        .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
        .map((path) => `${createHash('sha256').update(readFileSync(join(root, path))).digest('hex')}  ${path}\n`)
      this.emitFile({ type: 'asset', fileName: 'sources.sha256', source: lines.join('') })
    },
  }
}

export default defineConfig({
  base: './',
  plugins: [svelte(), stamp()],
  build: {
    outDir: '../dist',
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    // ANODE_URL is a node to develop against.
    proxy: { '/api': { target: process.env['ANODE_URL'] ?? 'http://127.0.0.1:8080', ws: true } },
  },
  // The first file that uses runes waits for their compiler: on a busy machine longer than the 5 s that are usual.
  test: { include: ['src/**/*.test.ts'], environment: 'node', testTimeout: 30_000 },
})
