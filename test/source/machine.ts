import type { Machine } from '../../src/types.ts';

export const MACHINE: Machine = {
  id: '0123456789abcdef0123456789abcdef',
  architecture: 'amd64',
  cpuModel: 'AMD EPYC 7763 64-Core Processor',
  release: '6.1.0-56-amd64',
  kernel: '6.1.0-56-amd64',
  bootId: '00000000-0000-4000-8000-000000000000',
  bootTime: '2026-01-11T06:00:12Z',
  uptimeSeconds: 8640,
};
