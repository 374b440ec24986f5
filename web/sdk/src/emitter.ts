// Typed listeners. A listener that throws does not keep the others from hearing.

export type Unsubscribe = () => void;

export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(value: never) => void>>();

  on<Name extends keyof Events>(name: Name, listener: (value: Events[Name]) => void): Unsubscribe {
    let listeners = this.#listeners.get(name);
    if (!listeners) {
      listeners = new Set();
      this.#listeners.set(name, listeners);
    }
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /** The next value, or a rejection after `timeoutMs`. */
  once<Name extends keyof Events>(name: Name, timeoutMs: number): Promise<Events[Name]> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        off();
        reject(new Error(`no ${String(name)} within ${timeoutMs} ms`));
      }, timeoutMs);
      const off = this.on(name, (value) => {
        clearTimeout(timer);
        off();
        resolve(value);
      });
    });
  }

  emit<Name extends keyof Events>(name: Name, value: Events[Name]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        (listener as (value: Events[Name]) => void)(value);
      } catch (error) {
        console.error(`listener of ${String(name)} failed`, error);
      }
    }
  }
}
