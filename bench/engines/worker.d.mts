export interface Prepared {
  step(index: number): Promise<void>;
  after?(steps: number): void | Promise<void>;
}
export function serve(clock: string, prepare: (B: number) => Prepared | Promise<Prepared>): void;
