-- What the moderator said of a job.
ALTER TABLE "job" ADD COLUMN "moderation" JSONB;
