#!/usr/bin/env node
'use strict';
// Loads the parts of the command when they are needed, with the code that V8 compiled from them at installation (see
// code-cache.mjs) if it is for this Node. V8 refuses code that was compiled under other flags and then compiles the
// part itself.
const { closeSync, fstatSync, openSync, readSync, statSync } = require('node:fs');
const { join } = require('node:path');
const { pathToFileURL } = require('node:url');
const { Script } = require('node:vm');

const PARTS = join(__dirname, 'parts');
/** Permission bits of the group and of others to write. */
const OTHERS_WRITE = 0o022;

/** Exports of the parts that have run, by file name. */
const modules = new Map();
/** The parts that were read, by file name. */
const scripts = new Map();
const cache = openCache(join(__dirname, 'code-cache'));

/** Runs a part unless it has run before. @returns its exports */
function load(name) {
  const known = modules.get(name);
  if (known !== undefined) return known.exports;
  // Before anything is noted: a part that cannot be read fails again when it is needed again.
  const run = script(name).runInThisContext();
  const module = { exports: {} };
  modules.set(name, module);
  const file = join(PARTS, name);
  run(module.exports, find, module, file, PARTS, pathToFileURL(file).href);
  return module.exports;
}

/** Parts use other parts, modules of Node, and the package that finds the addon; a configuration can load nothing. */
function find(id) {
  if (id.startsWith('./')) return load(id.slice(2));
  return require(id === 'node-gyp-build' || id.startsWith('node:') ? id : `node:${id}`);
}

/** @returns the compiled part, which has not run yet */
function script(name) {
  const known = scripts.get(name);
  if (known !== undefined) return known;
  const fd = openSync(join(PARTS, name), 'r');
  try {
    const { size, mtimeMs } = fstatSync(fd);
    // The parts are ASCII; V8 reads UTF-8 much more slowly.
    const source = bytesAt(fd, 0, size).latin1Slice();
    const place = cache === null || mtimeMs > cache.mtimeMs ? undefined : cache.places[name];
    const cachedData = place === undefined ? undefined : bytesAt(cache.fd, cache.start + place[0], place[1]);
    // The name in stacks. It goes into the compiled code, and stays there when the package is moved.
    const made = new Script(source, { filename: `dist/parts/${name}`, cachedData });
    scripts.set(name, made);
    return made;
  } finally {
    closeSync(fd);
  }
}

function bytesAt(fd, offset, length) {
  const bytes = Buffer.allocUnsafeSlow(length);
  return bytes.subarray(0, readSync(fd, bytes, 0, length, offset));
}

/**
 * Names the program that runs this. V8 compares no more than its version and flags, and runs code of another build of
 * the same version wrongly: code of Node 20.20.2 in 20.19.5 ends with "join is not a function".
 */
function engine() {
  const { size, mtimeMs } = statSync(process.execPath);
  return [process.version, process.versions.v8, process.arch, size, mtimeMs].join(' ');
}

/**
 * Opens the compiled code, which is trusted as this file is: it must belong to the same user, and no other user may
 * write it. It consists of the length of an index in bytes (32 bits), the index in JSON (the engine; offset and length
 * of each part's code), and the code.
 * @returns null: there is none for this Node
 */
function openCache(file) {
  let fd;
  try {
    fd = openSync(file, 'r');
    const { uid, mode, mtimeMs } = fstatSync(fd);
    if (uid === statSync(__filename).uid && (mode & OTHERS_WRITE) === 0) {
      const length = bytesAt(fd, 0, 4).readUInt32LE();
      const index = JSON.parse(bytesAt(fd, 4, length).latin1Slice());
      if (index.engine === engine()) return { fd, mtimeMs, start: 4 + length, places: index.places };
    }
  } catch {
    // It is missing or damaged.
  }
  if (fd !== undefined) closeSync(fd);
  return null;
}

// The hook runner is a program of its own, which needs no library of the command.
if (require.main === module) load(process.argv[2] === 'hook-runner' ? 'RUNNER_PART' : 'MAIN_PART');
else module.exports = { MAIN: 'MAIN_PART', PARTS, engine, load, modules, script, scripts };
