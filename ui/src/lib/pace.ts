// When to paint what grows: once a frame at the most, and never so often that nothing else gets its turn.

/** After a frame the page rests as long as that took, times this. */
const REST = 2;
/** Longest rest, in milliseconds: text that comes in larger pieces than this would look stuck. */
const LONGEST = 100;

export class Pace {
  readonly #paint: () => void;
  #frame = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Whether a frame or the rest after one is under way. */
  #busy = false;
  /** Whether there is something to paint. */
  #more = false;

  constructor(paint: () => void) {
    this.#paint = paint;
  }

  /** There is something to paint. */
  soon(): void {
    this.#more = true;
    if (this.#busy) return;
    this.#busy = true;
    this.#frame = requestAnimationFrame(() => {
      this.#more = false;
      const began = performance.now();
      // A timer comes after the frame was laid out and drawn, also where painting failed.
      this.#timer = setTimeout(() => this.#rest(performance.now() - began), 0);
      this.#paint();
    });
  }

  /** Nothing is painted from now on. */
  stop(): void {
    this.#busy = true;
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#timer);
  }

  #rest(took: number): void {
    this.#timer = setTimeout(
      () => {
        this.#busy = false;
        if (this.#more) this.soon();
      },
      Math.min(LONGEST, took * REST),
    );
  }
}
