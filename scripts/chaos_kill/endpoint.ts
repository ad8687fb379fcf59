/**
 * Where the service is now: clients wait here while it is down.
 *
 * @module
 */

/** An address that changes with every life of the service. */
export class Endpoint {
  #up: PromiseWithResolvers<string> = Promise.withResolvers();
  #isUp = false;

  /** The base address once the service is up. */
  get base(): Promise<string> {
    return this.#up.promise;
  }

  /** The service serves here. */
  up(base: string): void {
    this.down();
    this.#isUp = true;
    this.#up.resolve(base);
  }

  /** It is gone. */
  down(): void {
    if (!this.#isUp) return;
    this.#isUp = false;
    this.#up = Promise.withResolvers();
  }
}
