// The ground: grid, decoration, bounds and crossings of a zone. The protocol says nothing about
// terrain: fast zones are drawn as paved cities, slow ones as wilderness; nothing here blocks the way.

import type { v1 } from '@loreforge/client';
import { humanise } from '../words.js';
import type { Camera } from './camera.js';

const CITY_SPEED = 15_000;
const CELL_MM = 5_000;

interface Palette {
  outside: string;
  base: string;
  patch: string;
  line: string;
  edge: string;
}

const CITY: Palette = { outside: '#0b0d12', base: '#2b2f3a', patch: '#313644', line: '#23262f', edge: '#8d7a55' };
const WILD: Palette = { outside: '#090d0b', base: '#243128', patch: '#29382c', line: '#202b24', edge: '#6f7d52' };

export function drawGround(context: CanvasRenderingContext2D, camera: Camera, zone: v1.Zone, time: number): void {
  const city = zone.max_speed >= CITY_SPEED;
  const palette = city ? CITY : WILD;
  context.fillStyle = palette.outside;
  context.fillRect(0, 0, camera.width, camera.height);

  const north = camera.toScreen({ x: 0, y: zone.height });
  const width = camera.length(zone.width);
  const height = camera.length(zone.height);
  context.save();
  context.beginPath();
  context.rect(north.x, north.y, width, height);
  context.clip();
  context.fillStyle = palette.base;
  context.fillRect(north.x, north.y, width, height);
  drawCells(context, camera, palette, city);
  for (const crossing of zone.crossings) drawCrossing(context, camera, zone, crossing, time);
  context.restore();

  context.strokeStyle = palette.edge;
  context.lineWidth = 3;
  context.strokeRect(north.x, north.y, width, height);
}

function drawCells(context: CanvasRenderingContext2D, camera: Camera, palette: Palette, city: boolean): void {
  const side = camera.length(CELL_MM);
  // Patches first: growth reaches over the edge of its cell.
  eachCell(camera, (x, y, noise) => {
    context.fillStyle = palette.patch;
    if (city && noise % 3 === 0) {
      context.fillRect(x, y, side, side);
    } else if (!city && noise % 4 === 0) {
      context.beginPath();
      context.ellipse(x + side / 2, y + side / 2, side * (0.8 + (noise & 7) / 8), side * (0.6 + ((noise >> 3) & 7) / 12), noise, 0, Math.PI * 2);
      context.fill();
    }
    if (city) drawSlabs(context, x, y, side, noise, palette.line);
  });
  if (!city) eachCell(camera, (x, y, noise) => drawGrowth(context, x, y, side, noise));
}

/** Visits the cells in view, and one more all around, with the pixel of their north-west corner. */
function eachCell(camera: Camera, visit: (x: number, y: number, noise: number) => void): void {
  const from = camera.toZone({ x: 0, y: camera.height });
  const to = camera.toZone({ x: camera.width, y: 0 });
  for (let column = Math.floor(from.x / CELL_MM) - 1; column * CELL_MM < to.x + CELL_MM; column += 1) {
    for (let row = Math.floor(from.y / CELL_MM) - 1; row * CELL_MM < to.y + CELL_MM; row += 1) {
      const at = camera.toScreen({ x: column * CELL_MM, y: (row + 1) * CELL_MM });
      visit(at.x, at.y, hash(column, row));
    }
  }
}

function drawSlabs(context: CanvasRenderingContext2D, x: number, y: number, side: number, noise: number, line: string): void {
  context.strokeStyle = line;
  context.lineWidth = 1;
  context.strokeRect(Math.round(x) + 0.5, Math.round(y) + 0.5, side, side);
  const half = side / 2;
  context.beginPath();
  if (noise & 16) {
    context.moveTo(x + half, y);
    context.lineTo(x + half, y + side);
  }
  if (noise & 32) {
    context.moveTo(x, y + half);
    context.lineTo(x + side, y + half);
  }
  context.stroke();
}

function drawGrowth(context: CanvasRenderingContext2D, x: number, y: number, side: number, noise: number): void {
  const kind = noise % 7;
  const left = x + (((noise >> 4) & 63) / 64) * side;
  const top = y + (((noise >> 10) & 63) / 64) * side;
  const size = side * (0.05 + ((noise >> 16) & 7) / 90);
  if (kind <= 2) {
    context.strokeStyle = '#3b5540';
    context.lineWidth = Math.max(1, side / 50);
    context.beginPath();
    for (const lean of [-1, 0, 1]) {
      context.moveTo(left, top);
      context.lineTo(left + lean * size, top - size * 1.8);
    }
    context.stroke();
  } else if (kind === 3) {
    context.fillStyle = '#3d453f';
    context.beginPath();
    context.ellipse(left, top, size * 1.3, size * 0.9, 0, 0, Math.PI * 2);
    context.fill();
  } else if (kind === 4) {
    context.fillStyle = '#1d3023';
    context.beginPath();
    context.arc(left, top, size * 3.2, 0, Math.PI * 2);
    context.fill();
    context.fillStyle = '#243d2b';
    context.beginPath();
    context.arc(left - size * 0.6, top - size * 0.8, size * 2.1, 0, Math.PI * 2);
    context.fill();
  }
}

function drawCrossing(context: CanvasRenderingContext2D, camera: Camera, zone: v1.Zone, crossing: v1.Crossing, time: number): void {
  const from = camera.toScreen({ x: crossing.x0, y: crossing.y1 });
  const to = camera.toScreen({ x: crossing.x1, y: crossing.y0 });
  const glow = 0.2 + 0.08 * Math.sin(time / 600);
  context.fillStyle = `rgba(227, 176, 98, ${glow})`;
  context.fillRect(from.x, from.y, to.x - from.x, to.y - from.y);
  context.strokeStyle = 'rgba(227, 176, 98, 0.7)';
  context.lineWidth = 1.5;
  context.setLineDash([8, 6]);
  context.lineDashOffset = -time / 60;
  context.strokeRect(from.x, from.y, to.x - from.x, to.y - from.y);
  context.setLineDash([]);

  // The name stands inside the zone, beside the part of the crossing that is nearest to the player.
  const middle = { x: (crossing.x0 + crossing.x1) / 2, y: (crossing.y0 + crossing.y1) / 2 };
  const upright = crossing.y1 - crossing.y0 > crossing.x1 - crossing.x0;
  if (upright) middle.y = Math.min(crossing.y1, Math.max(crossing.y0, camera.y));
  else middle.x = Math.min(crossing.x1, Math.max(crossing.x0, camera.x));
  const at = camera.toScreen(middle);
  context.fillStyle = '#f1cf94';
  context.font = '600 13px system-ui, sans-serif';
  context.textAlign = upright ? (middle.x > zone.width / 2 ? 'right' : 'left') : 'center';
  const aside = camera.length(upright ? crossing.x1 - crossing.x0 : 0) / 2 + 10;
  const down = upright ? 4 : middle.y > zone.height / 2 ? camera.length(crossing.y1 - crossing.y0) / 2 + 18 : -camera.length(crossing.y1 - crossing.y0) / 2 - 10;
  context.fillText(`to ${humanise(crossing.to)}`, at.x + (upright ? (middle.x > zone.width / 2 ? -aside : aside) : 0), at.y + down);
}

/** The same noise for the same cell, always. */
function hash(x: number, y: number): number {
  let value = Math.imul(x, 0x27d4eb2d) ^ Math.imul(y, 0x165667b1);
  value = Math.imul(value ^ (value >>> 15), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
