import * as Flags from '@oclif/core/flags';
import { renderFindings } from '../report/findings.ts';
import { LivepatchCommand } from './base.ts';

export class Doctor extends LivepatchCommand {
  static override summary = 'Find out what keeps this machine from being patched, and what to do about it';
  static override description =
    `Looks at what usually goes wrong: kernel, Secure Boot, configuration, files, network, server, token, timer. Takes less than 10 s and changes nothing.

Ends with 1 when anything is wrong.`;
  static override examples = [
    'sudo <%= config.bin %> doctor',
    {
      description: 'what is wrong alone, for a script',
      command: 'sudo <%= config.bin %> doctor --json | jq \'.[] | select(.verdict == "wrong")\'',
    },
  ];
  // Not oclif's own enableJsonFlag, which would print errors to stdout.
  static override flags = {
    json: Flags.boolean({ summary: 'print JSON: check, verdict (ok, wrong, unknown), found, next' }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Doctor);
    const { doctor } = await import('../operations/doctor.ts');
    const findings = await doctor(this.context());
    this.print(flags.json ? JSON.stringify(findings, null, 2) : renderFindings(findings));
    if (findings.some(({ verdict }) => verdict === 'wrong')) process.exitCode = 1;
  }
}
