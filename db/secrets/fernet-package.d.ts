// The part of the npm package `fernet` that db/secrets/fernet.ts uses; the package has no types of its own.

declare module 'fernet' {
  /** A CryptoJS WordArray or encoder, as far as it is handed from one call to the next. */
  type Encoder = { parse(text: string): WordArray }
  type WordArray = { toString(encoder: Encoder): string }
  type Secret = { readonly signingKey: WordArray; readonly encryptionKey: WordArray }

  const fernet: {
    readonly Hex: Encoder
    readonly Secret: new (key: string) => Secret
    timeBytes(ms: number): WordArray
    encryptMessage(text: string, key: WordArray, iv: WordArray): WordArray
    decryptMessage(cipherText: WordArray, key: WordArray, iv: WordArray): string
    createToken(signingKey: WordArray, time: WordArray, iv: WordArray, cipherText: WordArray): string
  }
  namespace fernet {
    export { Secret }
  }
  export = fernet
}
