import { execa } from 'execa';
import manifest from '../../package.json' with { type: 'json' };

interface CycloneDx {
  serialNumber?: string;
  metadata: { timestamp?: string; component: { name: string } };
  components: object[];
}

/**
 * The software bill of materials, CycloneDX as npm makes it: everything that is bundled, and the Node that runs it. What
 * npm draws anew each time, the number and the moment, is left out, so that the same source gives the same bytes; both
 * are optional in CycloneDX.
 */
export async function billOfMaterials(checkout: string): Promise<string> {
  const words = ['sbom', '--sbom-format', 'cyclonedx', '--omit', 'dev', '--package-lock-only'];
  const { stdout } = await execa('npm', words, { cwd: checkout });
  const bill = JSON.parse(stdout) as CycloneDx;
  delete bill.serialNumber;
  delete bill.metadata.timestamp;
  // npm has the name of the checkout's directory here.
  bill.metadata.component.name = manifest.name;
  const version = process.version.slice(1);
  bill.components.push({
    type: 'application',
    name: 'node',
    version,
    'bom-ref': `node@${version}`,
    purl: `pkg:generic/node@${version}`,
    licenses: [{ license: { id: 'MIT' } }],
  });
  return `${JSON.stringify(bill, null, 2)}\n`;
}
