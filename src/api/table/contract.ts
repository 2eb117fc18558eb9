// A table as kubectl prints it: columns of a kind, and what stands in them.
export interface Column<T> {
  readonly name: string;
  readonly description: string;
  readonly type?: 'string' | 'integer' | 'date';
  /** Shown with `-o wide` only. */
  readonly wide?: boolean;
  cell(object: T, now: number): string | number;
}

export interface ColumnDefinition {
  readonly name: string;
  readonly type: string;
  readonly format: string;
  readonly description: string;
  readonly priority: number;
}

export interface TableRow {
  readonly cells: readonly (string | number)[];
  readonly object: unknown;
}

/** metav1.Table. */
export interface Table {
  readonly kind: 'Table';
  readonly apiVersion: string;
  readonly metadata: object;
  columnDefinitions: readonly ColumnDefinition[] | null;
  readonly rows: readonly TableRow[];
}
