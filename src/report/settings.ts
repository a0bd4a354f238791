import { jsonText } from './json-text.ts';
import { yamlText } from './yaml-text.ts';

/** One line a key, `key: value`; a value of several lines, or that could drive a terminal, is put in JSON's quotes. */
export function renderSettings(
  settings: Readonly<Record<string, string>>,
  format: 'humane' | 'json' | 'yaml',
): string {
  switch (format) {
    case 'json':
      return jsonText(settings);
    case 'yaml':
      // Every value is a string, whatever it looks like.
      return yamlText(settings);
    case 'humane':
      return Object.entries(settings)
        .map(([key, value]) => `${key}: ${/[\p{C}\p{Zl}\p{Zp}]/u.test(value) ? jsonText(value) : value}`)
        .join('\n');
  }
}
