import { LivepatchError } from '../errors.ts';
import { isExempt, proxyProblem, withScheme } from '../policy/addresses.ts';
import type { Config } from '../types.ts';

export type ProxyConfig = Pick<Config, 'httpProxy' | 'httpsProxy' | 'noProxy'>;

/**
 * The proxy that a request goes through: the configuration's, else the environment's (lower case first, as curl and
 * Node have it), else none.
 * @throws LivepatchError `config` for a proxy in the environment that is none; its value is not repeated, since it may
 * hold a password.
 */
export function proxyFor(url: URL, config: ProxyConfig, env: NodeJS.ProcessEnv): URL | undefined {
  const [key, configured] =
    url.protocol === 'https:'
      ? (['https_proxy', config.httpsProxy] as const)
      : (['http_proxy', config.httpProxy] as const);
  const proxy = configured || fromEnvironment(env, key);
  if (proxy === '' || isExempt(url, config.noProxy || fromEnvironment(env, 'no_proxy'))) return undefined;
  return parse(proxy, configured === '' ? key.toUpperCase() : key.replace('_', '-'));
}

function fromEnvironment(env: NodeJS.ProcessEnv, name: string): string {
  return env[name] || env[name.toUpperCase()] || '';
}

function parse(text: string, source: string): URL {
  const problem = proxyProblem(text);
  if (problem === undefined) return new URL(withScheme(text));
  throw new LivepatchError('config', `${source}: ${problem}`, {
    hint: `Correct ${source}, such as http://proxy.example.com:3128.`,
  });
}
