-- Where the bytes of a blob are. A server of the version before writes rows without it: theirs are chunks.
ALTER TABLE "blob" ADD COLUMN "in_object_store" BOOLEAN NOT NULL DEFAULT false;
