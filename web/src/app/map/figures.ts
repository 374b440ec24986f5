// How entities look: players and NPCs from above, animals, things on the ground.

import type { Entity } from '@loreforge/client';

const CLASS_COLOURS: Record<string, string> = {
  warrior: '#b5533f',
  mage: '#4f74c9',
  ranger: '#5d9a4e',
  rogue: '#8a6bb8',
  priest: '#d8cfae',
  cleric: '#d8cfae',
};
const BEAST = /wolf|fang|bear|boar|rat|spider|beast|hound|stag/;

export const NAME_COLOURS = { own: '#ffffff', player: '#a9c8ff', hostile: '#ff8f80', friendly: '#a8e0a0', item: '#d9c79a' };

/** What a figure needs beyond its entity. */
export interface Pose {
  /** Radians, 0 to the east, counter-clockwise. */
  facing: number;
  /** Phase of the walk, grows with the way. */
  stride: number;
  /** 1 just struck, 0 not. */
  hurt: number;
  /** 1 just swinging, 0 not. */
  swing: number;
}

/** Radius on the ground, millimetres. */
export function radius(entity: Entity): number {
  if (entity.kind === 'item') return 500;
  return entity.boss ? 1_500 : 950;
}

export function nameColour(entity: Entity, own: boolean): string {
  if (own) return NAME_COLOURS.own;
  if (entity.kind === 'player') return NAME_COLOURS.player;
  if (entity.kind === 'item') return NAME_COLOURS.item;
  return entity.hostile ? NAME_COLOURS.hostile : NAME_COLOURS.friendly;
}

/** Draws at the origin of `context`, `size` pixels in radius. */
export function drawFigure(context: CanvasRenderingContext2D, entity: Entity, pose: Pose, size: number): void {
  if (entity.kind === 'item') {
    drawItem(context, size);
    return;
  }
  const dead = entity.hp === 0;
  context.save();
  context.globalAlpha *= dead ? 0.45 : 1;
  context.fillStyle = 'rgba(0, 0, 0, 0.35)';
  context.beginPath();
  context.ellipse(size * 0.12, size * 0.18, size * 1.1, size, 0, 0, Math.PI * 2);
  context.fill();
  context.rotate(-pose.facing);
  if (BEAST.test(entity.template)) drawBeast(context, entity, pose, size);
  else drawPerson(context, entity, pose, size);
  context.restore();
  if (dead) drawCross(context, size);
}

function drawPerson(context: CanvasRenderingContext2D, entity: Entity, pose: Pose, size: number): void {
  const cloth = entity.kind === 'player' ? (CLASS_COLOURS[entity.template] ?? '#7d8799') : entity.hostile ? '#8f3b3b' : '#8a7348';
  const step = Math.sin(pose.stride) * size * 0.28;
  // Feet, arms and weapon, shoulders, head: from the ground up.
  context.fillStyle = '#1c1a19';
  ellipse(context, step, size * 0.38, size * 0.34, size * 0.2);
  ellipse(context, -step, -size * 0.38, size * 0.34, size * 0.2);
  context.strokeStyle = '#cfd6e2';
  context.lineWidth = Math.max(1.5, size * 0.14);
  context.lineCap = 'round';
  const reach = size * (1.25 + 0.35 * pose.swing);
  context.beginPath();
  context.moveTo(size * 0.35, -size * 0.75 + pose.swing * size * 0.6);
  context.lineTo(reach, -size * (0.75 - pose.swing));
  context.stroke();
  context.fillStyle = shade(cloth, pose.hurt);
  context.strokeStyle = 'rgba(0, 0, 0, 0.55)';
  context.lineWidth = Math.max(1, size * 0.08);
  context.beginPath();
  context.ellipse(0, 0, size * 0.58, size * 0.92, 0, 0, Math.PI * 2);
  context.fill();
  context.stroke();
  context.fillStyle = shade('#d9ab86', pose.hurt);
  context.beginPath();
  context.arc(size * 0.08, 0, size * 0.42, 0, Math.PI * 2);
  context.fill();
  context.stroke();
  context.fillStyle = '#3a2a20';
  context.beginPath();
  context.arc(-size * 0.04, 0, size * 0.37, Math.PI * 0.5, Math.PI * 1.5);
  context.fill();
}

function drawBeast(context: CanvasRenderingContext2D, entity: Entity, pose: Pose, size: number): void {
  const fur = entity.boss ? '#4d4a55' : '#7c8088';
  const lunge = pose.swing * size * 0.5;
  const wag = Math.sin(pose.stride * 1.3) * size * 0.2;
  context.strokeStyle = shade('#62666e', pose.hurt);
  context.lineWidth = size * 0.3;
  context.lineCap = 'round';
  context.beginPath();
  context.moveTo(-size * 0.9, 0);
  context.quadraticCurveTo(-size * 1.3, wag, -size * 1.6, wag * 1.6);
  context.stroke();
  context.fillStyle = '#54575e';
  for (const [x, y, phase] of [[0.6, 0.5, 0], [0.6, -0.5, Math.PI], [-0.6, 0.5, Math.PI], [-0.6, -0.5, 0]] as const) {
    ellipse(context, size * x + Math.sin(pose.stride + phase) * size * 0.25, size * y, size * 0.26, size * 0.16);
  }
  context.fillStyle = shade(fur, pose.hurt);
  context.strokeStyle = 'rgba(0, 0, 0, 0.55)';
  context.lineWidth = Math.max(1, size * 0.08);
  context.beginPath();
  context.ellipse(0, 0, size * 1.1, size * 0.55, 0, 0, Math.PI * 2);
  context.fill();
  context.stroke();
  context.beginPath();
  context.ellipse(size * 1.05 + lunge, 0, size * 0.52, size * 0.38, 0, 0, Math.PI * 2);
  context.fill();
  context.stroke();
  context.fillStyle = '#2c2e33';
  for (const side of [1, -1]) {
    context.beginPath();
    context.moveTo(size * 0.75 + lunge, side * size * 0.14);
    context.lineTo(size * 0.62 + lunge, side * size * 0.5);
    context.lineTo(size * 1.02 + lunge, side * size * 0.32);
    context.fill();
  }
  ellipse(context, size * 1.5 + lunge, 0, size * 0.12, size * 0.12);
  context.fillStyle = entity.hostile ? '#ffd75e' : '#20232a';
  ellipse(context, size * 1.22 + lunge, size * 0.16, size * 0.07, size * 0.07);
  ellipse(context, size * 1.22 + lunge, -size * 0.16, size * 0.07, size * 0.07);
}

function drawItem(context: CanvasRenderingContext2D, size: number): void {
  context.save();
  context.fillStyle = 'rgba(255, 220, 140, 0.16)';
  ellipse(context, 0, 0, size * 1.9, size * 1.9);
  context.rotate(Math.PI / 4);
  context.fillStyle = '#d9b36a';
  context.strokeStyle = '#5c4520';
  context.lineWidth = 1.5;
  context.fillRect(-size * 0.6, -size * 0.6, size * 1.2, size * 1.2);
  context.strokeRect(-size * 0.6, -size * 0.6, size * 1.2, size * 1.2);
  context.restore();
}

function drawCross(context: CanvasRenderingContext2D, size: number): void {
  context.strokeStyle = 'rgba(220, 90, 80, 0.8)';
  context.lineWidth = Math.max(2, size * 0.16);
  context.beginPath();
  context.moveTo(-size * 0.4, -size * 0.4);
  context.lineTo(size * 0.4, size * 0.4);
  context.moveTo(size * 0.4, -size * 0.4);
  context.lineTo(-size * 0.4, size * 0.4);
  context.stroke();
}

function ellipse(context: CanvasRenderingContext2D, x: number, y: number, width: number, height: number): void {
  context.beginPath();
  context.ellipse(x, y, width, height, 0, 0, Math.PI * 2);
  context.fill();
}

/** Mixes `#rrggbb` with white, as a flash. */
function shade(colour: string, amount: number): string {
  const channel = (at: number) => {
    const value = Number.parseInt(colour.slice(at, at + 2), 16);
    return Math.round(value + (255 - value) * amount * 0.75);
  };
  return `rgb(${channel(1)}, ${channel(3)}, ${channel(5)})`;
}
