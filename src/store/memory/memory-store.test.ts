import { storeSuite } from '../contract.suite.ts';
import { createMemoryStore } from './memory-store.ts';

storeSuite('memory', () => createMemoryStore());
