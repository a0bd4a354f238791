/** Ways to log in that proxies are known to ask for, as RFC 9110 section 11.7 has them named. */
const SCHEMES = ['Basic', 'Digest', 'Kerberos', 'Negotiate', 'NTLM'];

/** What a proxy means that refuses us: another password, or a way to log in that is not ours. */
export function loginRefused(status: number, proxyAuthenticate = ''): Error {
  const offered = SCHEMES.filter((scheme) =>
    new RegExp(`(^|[\\s,])${scheme}([\\s,]|$)`, 'i').test(proxyAuthenticate),
  );
  const [code, message] =
    offered.length === 0 || offered.includes('Basic')
      ? ['EPROXYAUTH', `the proxy answered ${status}`]
      : [
          'EPROXYSCHEME',
          `The proxy takes only ${offered.join(' and ')} logins, and this client can do only Basic: have it take that, or put a proxy between that logs in, such as cntlm`,
        ];
  return Object.assign(new Error(message), { code });
}
