import { stringify } from 'yaml';

/** One line a key, `key: value`; a value of several lines is put into one, in JSON's quotes. */
export function renderSettings(
  settings: Readonly<Record<string, string>>,
  format: 'humane' | 'json' | 'yaml',
): string {
  switch (format) {
    case 'json':
      return JSON.stringify(settings, null, 2);
    case 'yaml':
      // Every value is a string, whatever it looks like.
      return stringify(settings, { lineWidth: 0, compat: 'yaml-1.1' }).trimEnd();
    case 'humane':
      return Object.entries(settings)
        .map(([key, value]) => `${key}: ${value.includes('\n') ? JSON.stringify(value) : value}`)
        .join('\n');
  }
}
