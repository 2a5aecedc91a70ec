-- What an uploaded file says of itself.
ALTER TABLE "asset" ADD COLUMN "claim" JSONB;
