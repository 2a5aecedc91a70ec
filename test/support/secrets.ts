import { createSecretBox } from '../../src/db/secret-box.ts';

export const TEST_SECRETS = createSecretBox(Buffer.alloc(32, 3));
