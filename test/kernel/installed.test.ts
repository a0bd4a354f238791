import { beforeEach, expect, it } from 'vitest';
import { installedKernels } from '../../src/kernel/installed.ts';
import { makeTree, type Tree } from './tree.ts';

const [OLD, NEW, HAND_MADE] = ['6.1.0-55-amd64', '6.1.0-56-amd64', '6.1.0-mine'];

let tree: Tree;
beforeEach(() => {
  tree = makeTree();
  for (const path of [`${NEW}/modules.order`, `${HAND_MADE}/modules.order`, 'old/modules.dep'])
    tree.write(`lib/modules/${path}`, '');
});

const package_ = (release: string) => `Package: linux-image-${release}\nStatus: install ok installed\n`;

it('lists the kernels that have modules where there is no package database, and not what one left behind', () => {
  expect(installedKernels(tree.root, NEW)).toEqual([NEW, HAND_MADE]);
});

it('lists the kernels of the package database, which knows what can be booted', () => {
  tree.write('var/lib/dpkg/status', [OLD, NEW].map(package_).join('\n'));
  expect(installedKernels(tree.root, OLD)).toEqual([OLD, NEW]);
});

it('does not ask a package database that does not know the running kernel', () => {
  tree.write('var/lib/dpkg/status', [OLD, NEW].map(package_).join('\n'));
  expect(installedKernels(tree.root, HAND_MADE)).toEqual([NEW, HAND_MADE]);
  tree.write('var/lib/dpkg/status', 'Package: dash\nStatus: install ok installed\n');
  expect(installedKernels(tree.root, NEW)).toEqual([NEW, HAND_MADE]);
});

it('lists none where there are none', () => {
  expect(installedKernels(makeTree().root)).toEqual([]);
});
