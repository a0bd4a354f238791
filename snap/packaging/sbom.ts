import { execa } from 'execa';
import manifest from '../../package.json' with { type: 'json' };
import lock from '../../package-lock.json' with { type: 'json' };

interface CycloneDx {
  serialNumber?: string;
  metadata: { timestamp?: string; component: { name: string; 'bom-ref': string } };
  components: { 'bom-ref': string }[];
  dependencies: { ref: string; dependsOn: string[] }[];
}

/**
 * The software bill of materials, CycloneDX as npm makes it: everything that is bundled, and the Node that runs it. What
 * npm draws anew each time, the number and the moment, is left out, so that the same source gives the same bytes; both
 * are optional in CycloneDX.
 */
export async function billOfMaterials(checkout: string): Promise<string> {
  const words = ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only'];
  const { stdout } = await execa('npm', words, { cwd: checkout });
  const bill = JSON.parse(stdout) as CycloneDx;
  delete bill.serialNumber;
  delete bill.metadata.timestamp;
  // npm has the name of the checkout's directory here.
  bill.metadata.component.name = manifest.name;
  keepShipped(bill);
  const version = process.version.slice(1);
  bill.components.push({
    type: 'application',
    name: 'node',
    version,
    'bom-ref': `node@${version}`,
    purl: `pkg:generic/node@${version}`,
    licenses: [{ license: { id: 'MIT' } }],
  } as CycloneDx['components'][number]);
  return `${JSON.stringify(bill, null, 2)}\n`;
}

/**
 * Leaves out what only development needs. npm's own `--omit dev` leaves out too much: what a tool of development needs,
 * too, such as yaml; and its graph holds peers that are only for those who have them (npm 11).
 */
function keepShipped(bill: CycloneDx): void {
  const shipped = new Set([bill.metadata.component['bom-ref'], ...shippedPaths().map(refOf)]);
  bill.components = bill.components.filter((component) => shipped.has(component['bom-ref']));
  bill.dependencies = bill.dependencies
    .filter(({ ref }) => shipped.has(ref))
    .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((one) => shipped.has(one)) }));
}

interface Locked {
  version: string;
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

const LOCKED = lock.packages as Record<string, Locked>;

/** What the lock leads to from our own dependencies: where npm puts each package. */
export function shippedPaths(): string[] {
  const paths = new Set(Object.keys(manifest.dependencies).map((name) => `node_modules/${name}`));
  // What is added while this runs comes up in turn.
  for (const path of paths) {
    const { dependencies, optionalDependencies } = LOCKED[path] as Locked;
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      const found = locate(path, name);
      if (found !== undefined) paths.add(found);
    }
  }
  return [...paths].sort();
}

function refOf(path: string): string {
  return `${path.split('node_modules/').at(-1)}@${LOCKED[path]?.version}`;
}

/** As Node looks: in the package's own node_modules, then in that of each package around it. */
export function locate(path: string, name: string): string | undefined {
  const found = `${path === '' ? '' : `${path}/`}node_modules/${name}`;
  if (found in LOCKED) return found;
  const around = path.lastIndexOf('node_modules/');
  return around === -1 ? undefined : locate(path.slice(0, Math.max(0, around - 1)), name);
}
