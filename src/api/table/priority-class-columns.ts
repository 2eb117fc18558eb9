// Table of priority classes.
import type { scheduling } from '../types.ts';
import { ageColumn, nameColumn } from './cells.ts';
import type { Column } from './contract.ts';

export const priorityClassColumns: readonly Column<scheduling.PriorityClass>[] = [
  nameColumn,
  { name: 'Value', type: 'integer', description: 'The priority; higher is more important.', cell: (c) => c.value },
  {
    name: 'Global-Default',
    description: 'Whether it is the class of pods that name none.',
    cell: (c) => String(c.globalDefault ?? false),
  },
  ageColumn,
  {
    name: 'PreemptionPolicy',
    description: 'Whether its pods may drive out less important ones.',
    cell: (c) => c.preemptionPolicy ?? '',
  },
];
