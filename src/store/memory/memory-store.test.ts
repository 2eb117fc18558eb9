import { localStoreSuite, storeSuite } from '../contract.suite.ts';
import { createMemoryStore } from './memory-store.ts';

storeSuite('memory', () => createMemoryStore());
localStoreSuite('memory', () => createMemoryStore());
