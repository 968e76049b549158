/** What a caller may do: `reader` looks, `writer` also starts, stops and writes. */
export const ROLES = ['reader', 'writer'] as const;
export type Role = (typeof ROLES)[number];

/** Who calls, as its token says. */
export interface Caller {
  readonly name: string;
  readonly role: Role;
}

/** Knows callers by their bearer tokens (RFC 6750). */
export interface Authenticator {
  /** @returns undefined for a token that it does not accept */
  authenticate(token: string): Promise<Caller | undefined>;
}

/** Asks one authenticator after the other. */
export function firstOf(authenticators: readonly Authenticator[]): Authenticator {
  return {
    async authenticate(token) {
      for (const authenticator of authenticators) {
        const caller = await authenticator.authenticate(token);
        if (caller !== undefined) return caller;
      }
      return undefined;
    },
  };
}
