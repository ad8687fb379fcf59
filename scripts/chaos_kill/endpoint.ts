/**
 * Where the service is now: clients wait here while it is down.
 *
 * @module
 */

/** An address that changes with every life of the service. */
export class Endpoint {
  #up: PromiseWithResolvers<string> = Promise.withResolvers();
  #isUp = false;
  #isClosed = false;

  /** The base address once the service is up; rejects once this is closed. */
  get base(): Promise<string> {
    return this.#up.promise;
  }

  /** The service serves here. */
  up(base: string): void {
    if (this.#isClosed) return;
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

  /** There will be no service any more: whoever waits for one is told. Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.down();
    this.#isClosed = true;
    this.#up.promise.catch(() => {});
    this.#up.reject(new Error("Cannot reach the service: its campaign is over"));
  }
}
