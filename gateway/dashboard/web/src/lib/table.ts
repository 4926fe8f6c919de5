/** Column is one of a Table. */
export interface Column {
  id: string
  title: string
  /** width is a CSS width; what has none shares what is left. */
  width?: string
  num?: boolean
  sort?: boolean
  /** narrow: shown on a small screen too. */
  narrow?: boolean
}
