/** Where the nodes of the map stand: on a ring, so that every link is seen, the first at the top. */
export interface Place {
  x: number
  y: number
  /** anchor is to which side of the node its name goes. */
  anchor: 'start' | 'middle' | 'end'
}

export function ring(n: number, width: number, height: number, margin: { x: number; y: number }): Place[] {
  const cx = width / 2
  const cy = height / 2
  if (n === 1) return [{ x: cx, y: cy, anchor: 'middle' }]
  const rx = Math.max(10, cx - margin.x)
  const ry = Math.max(10, cy - margin.y)
  // Two stand side by side.
  const start = n === 2 ? Math.PI : -Math.PI / 2
  const angles = Array.from({ length: n }, (_, i) => start + (2 * Math.PI * i) / n)
  // An odd ring is not as deep as it is high: it is stretched to fill the box.
  const lowest = Math.max(...angles.map(Math.sin))
  const highest = Math.min(...angles.map(Math.sin))
  const middle = (lowest + highest) / 2
  const stretch = lowest - highest > 0.1 ? 2 / (lowest - highest) : 1
  return angles.map((angle) => {
    const side = Math.cos(angle)
    return { x: cx + rx * side, y: cy + ry * (Math.sin(angle) - middle) * stretch, anchor: Math.abs(side) < 0.2 ? 'middle' : side > 0 ? 'start' : 'end' }
  })
}

/** thickness of a line for bytes a second: thin when idle, and growing with the magnitude. */
export function thickness(flow: number): number {
  return 1.2 + Math.min(5, Math.log10(1 + Math.max(0, flow) / 100) * 1.3)
}
