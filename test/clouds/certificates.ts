// A certificate authority of the tests' own, so that the emulators speak real TLS and nothing is ever told to
// skip verification: programs trust it by NODE_EXTRA_CA_CERTS, this process by `trustHere`.

import 'reflect-metadata'
import { createPrivateKey, randomUUID, webcrypto } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import tls from 'node:tls'
import * as x509 from '@peculiar/x509'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const YEAR_MS = 365 * 86_400_000

export type ServerCertificate = { readonly cert: string; readonly key: string }

export interface TestAuthority {
  /** The CA certificate as PEM. */
  readonly pem: string
  /** A server certificate for these DNS names and addresses. */
  issue(names: readonly string[]): Promise<ServerCertificate>
}

export async function createTestAuthority(): Promise<TestAuthority> {
  x509.cryptoProvider.set(webcrypto)
  const keys = await newKeys()
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: '01',
    // Two authorities that one process trusts must not be taken for each other.
    name: `CN=Cloud Sync test authority ${randomUUID()}`,
    ...validity(),
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  })
  let serial = 1
  return {
    pem: authority.toString('pem'),
    issue: async (names) => {
      serial += 1
      const serverKeys = await newKeys()
      const certificate = await x509.X509CertificateGenerator.create({
        serialNumber: serial.toString(16).padStart(2, '0'),
        subject: `CN=${names[0]}`,
        issuer: authority.subject,
        ...validity(),
        publicKey: serverKeys.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: ALGORITHM,
        extensions: [
          new x509.SubjectAlternativeNameExtension(
            names.map((name) => ({ type: /^[\d.]+$|:/.test(name) ? 'ip' : 'dns', value: name })),
          ),
          new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        ],
      })
      return { cert: certificate.toString('pem'), key: await pemOf(serverKeys.privateKey) }
    },
  }
}

/** Makes this process trust the authority for every connection from now on, besides the usual ones. */
export function trustHere(authority: TestAuthority): void {
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), authority.pem])
}

/** Writes the CA certificate to a file for NODE_EXTRA_CA_CERTS or SSL_CERT_FILE; returns its path. */
export async function writeAuthority(authority: TestAuthority, directory: string): Promise<string> {
  const path = join(directory, 'test-ca.pem')
  await writeFile(path, authority.pem)
  return path
}

/** OpenSSL looks at the real time, which may be years from that of the tests (`npm test -- --days N`). */
function validity() {
  return { notBefore: new Date(Date.now() - 20 * YEAR_MS), notAfter: new Date(Date.now() + 20 * YEAR_MS) }
}

function newKeys() {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
}

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key))
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    .export({ format: 'pem', type: 'pkcs8' })
    .toString()
}
