// Light of the hour and the weather, laid over the map.

import type { v1 } from '@loreforge/client';

type Colour = readonly [red: number, green: number, blue: number, alpha: number];

/** Tint by hour; between two rows it is mixed. */
const HOURS: readonly (readonly [hour: number, colour: Colour])[] = [
  [0, [10, 16, 48, 0.46]],
  [4.5, [14, 20, 52, 0.44]],
  [6, [190, 110, 80, 0.16]],
  [8, [255, 240, 210, 0]],
  [16.5, [255, 240, 210, 0]],
  [18.5, [190, 90, 50, 0.15]],
  [20, [50, 34, 84, 0.38]],
  [22, [10, 16, 48, 0.46]],
  [24, [10, 16, 48, 0.46]],
];

const VEIL: Readonly<Record<string, Colour>> = {
  clear: [0, 0, 0, 0],
  cloudy: [60, 68, 80, 0.12],
  rain: [40, 52, 70, 0.15],
  storm: [20, 26, 40, 0.22],
  fog: [150, 160, 170, 0.3],
  snow: [190, 205, 225, 0.12],
};

const DROPS: Readonly<Record<string, number>> = { rain: 160, storm: 320, snow: 180 };

export function drawSky(
  context: CanvasRenderingContext2D,
  width: number,
  height: number,
  environment: v1.Environment,
  time: number,
): void {
  // Darkness is thinner around the player in the middle, as by a lantern.
  const [red, green, blue, alpha] = hourTint(environment.minute_of_day);
  const light = context.createRadialGradient(width / 2, height / 2, 0, width / 2, height / 2, Math.max(width, height) * 0.5);
  light.addColorStop(0, css([red, green, blue, alpha * 0.25]));
  light.addColorStop(1, css([red, green, blue, alpha]));
  context.fillStyle = light;
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
    const x = wrap(scatter(drop, 0.618034) * width + time * 0.12 * speed, width + 40) - 20;
    const y = wrap(scatter(drop, 0.754878) * height + time * speed, height + 40) - 20;
    context.moveTo(x, y);
    context.lineTo(x + 2, y + 15);
  }
  context.stroke();
}

function drawSnow(context: CanvasRenderingContext2D, width: number, height: number, drops: number, time: number): void {
  context.fillStyle = 'rgba(240, 246, 255, 0.6)';
  for (let flake = 0; flake < drops; flake += 1) {
    const speed = 0.04 + (flake % 5) / 90;
    const x = wrap(scatter(flake, 0.618034) * width + Math.sin(time / 1400 + flake) * 24, width);
    const y = wrap(scatter(flake, 0.754878) * height + time * speed, height);
    const size = 1 + (flake % 3) * 0.7;
    context.fillRect(x, y, size, size);
  }
}

/** Spreads whole numbers evenly over 0 to 1. */
function scatter(index: number, step: number): number {
  return (index * step) % 1;
}

function wrap(value: number, most: number): number {
  return ((value % most) + most) % most;
}

function css([red, green, blue, alpha]: Colour): string {
  return `rgba(${Math.round(red)}, ${Math.round(green)}, ${Math.round(blue)}, ${alpha.toFixed(3)})`;
}
