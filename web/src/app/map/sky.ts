// Light of the hour and the weather, laid over the map.

import type { Environment, Weather } from '../../client/index.js';

type Colour = readonly [red: number, green: number, blue: number, alpha: number];

/** Tint by hour; between two rows it is mixed. */
const HOURS: readonly (readonly [hour: number, colour: Colour])[] = [
  [0, [10, 16, 48, 0.52]],
  [4.5, [14, 20, 52, 0.5]],
  [6, [190, 110, 80, 0.22]],
  [8, [255, 240, 210, 0]],
  [16.5, [255, 240, 210, 0]],
  [18.5, [190, 90, 50, 0.22]],
  [20, [50, 34, 84, 0.38]],
  [22, [10, 16, 48, 0.52]],
  [24, [10, 16, 48, 0.52]],
];

const VEIL: Record<Weather, Colour> = {
  clear: [0, 0, 0, 0],
  cloudy: [60, 68, 80, 0.12],
  rain: [40, 52, 70, 0.2],
  storm: [20, 26, 40, 0.36],
  fog: [150, 160, 170, 0.3],
  snow: [190, 205, 225, 0.12],
};

const DROPS: Partial<Record<Weather, number>> = { rain: 160, storm: 320, snow: 180 };

export function drawSky(
  context: CanvasRenderingContext2D,
  width: number,
  height: number,
  environment: Environment,
  time: number,
): void {
  context.fillStyle = css(hourTint(environment.minute_of_day));
  context.fillRect(0, 0, width, height);
  const veil = VEIL[environment.weather];
  if (veil) {
    context.fillStyle = css(veil);
    context.fillRect(0, 0, width, height);
  }
  const drops = DROPS[environment.weather] ?? 0;
  if (environment.weather === 'snow') drawSnow(context, width, height, drops, time);
  else if (drops > 0) drawRain(context, width, height, drops, time);
}

function hourTint(minute: number): Colour {
  const hour = (minute / 60) % 24;
  const next = HOURS.findIndex(([at]) => at > hour);
  const [from, a] = HOURS[next - 1] ?? HOURS[0]!;
  const [to, b] = HOURS[next] ?? HOURS[HOURS.length - 1]!;
  const part = to > from ? (hour - from) / (to - from) : 0;
  return [0, 1, 2, 3].map((index) => a[index]! + (b[index]! - a[index]!) * part) as unknown as Colour;
}

function drawRain(context: CanvasRenderingContext2D, width: number, height: number, drops: number, time: number): void {
  context.strokeStyle = 'rgba(170, 195, 230, 0.26)';
  context.lineWidth = 1;
  context.beginPath();
  for (let drop = 0; drop < drops; drop += 1) {
    const speed = 0.7 + (drop % 7) / 10;
    const x = wrap(drop * 137.5 + time * 0.12 * speed, width + 40) - 20;
    const y = wrap(drop * 71.3 + time * speed, height + 40) - 20;
    context.moveTo(x, y);
    context.lineTo(x + 2, y + 15);
  }
  context.stroke();
}

function drawSnow(context: CanvasRenderingContext2D, width: number, height: number, drops: number, time: number): void {
  context.fillStyle = 'rgba(240, 246, 255, 0.6)';
  for (let flake = 0; flake < drops; flake += 1) {
    const speed = 0.04 + (flake % 5) / 90;
    const x = wrap(flake * 137.5 + Math.sin(time / 1400 + flake) * 24, width);
    const y = wrap(flake * 71.3 + time * speed, height);
    const size = 1 + (flake % 3) * 0.7;
    context.fillRect(x, y, size, size);
  }
}

function wrap(value: number, most: number): number {
  return ((value % most) + most) % most;
}

function css([red, green, blue, alpha]: Colour): string {
  return `rgba(${Math.round(red)}, ${Math.round(green)}, ${Math.round(blue)}, ${alpha.toFixed(3)})`;
}
