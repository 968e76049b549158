/**
 * A series of points that never grows past a limit: when it is full, every second point is left out and only every second
 * one is taken from then on. The first and the last point always stay.
 */
export class Series<Point> {
  readonly #limit: number;
  #points: Point[] = [];
  #stride = 1;
  #skipped = 0;
  #last: Point | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(point: Point): void {
    this.#last = point;
    if (this.#points.length > 0 && this.#skipped + 1 < this.#stride) {
      this.#skipped += 1;
      return;
    }
    this.#skipped = 0;
    this.#points.push(point);
    if (this.#points.length >= this.#limit) {
      this.#points = this.#points.filter((_, index) => index % 2 === 0);
      this.#stride *= 2;
    }
  }

  /** The points that are left, oldest first. */
  toArray(): Point[] {
    const last = this.#last;
    if (last === undefined || this.#points.at(-1) === last) return [...this.#points];
    return [...this.#points, last];
  }

  /** Leaves out the points that a predicate names. */
  remove(isRemoved: (point: Point) => boolean): void {
    this.#points = this.#points.filter((point) => !isRemoved(point));
    this.#last = this.#points.at(-1);
  }
}
