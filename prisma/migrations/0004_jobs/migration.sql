-- CreateEnum
CREATE TYPE "WebhookDeliveryStatus" AS ENUM ('PENDING', 'DELIVERED', 'FAILED');

-- AlterTable
ALTER TABLE "asset" ADD COLUMN     "partial" BOOLEAN NOT NULL DEFAULT false;

-- AlterTable
ALTER TABLE "job" ADD COLUMN     "cancel_requested_at" TIMESTAMPTZ(3),
ADD COLUMN     "swept" SMALLINT NOT NULL DEFAULT 0,
ADD COLUMN     "trace_parent" TEXT;

-- CreateTable
CREATE TABLE "activity_event" (
    "owner_id" TEXT NOT NULL,
    "job_id" UUID NOT NULL,
    "seq" INTEGER NOT NULL,
    "xid" BIGINT NOT NULL,

    CONSTRAINT "activity_event_pkey" PRIMARY KEY ("job_id","seq")
);

-- CreateTable
CREATE TABLE "webhook" (
    "id" UUID NOT NULL,
    "owner_id" TEXT NOT NULL,
    "url" TEXT NOT NULL,
    "events" TEXT[],
    "secret" TEXT NOT NULL,
    "enabled" BOOLEAN NOT NULL DEFAULT true,
    "disabled_reason" TEXT,
    "failing_since" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "webhook_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "webhook_delivery" (
    "id" UUID NOT NULL,
    "webhook_id" UUID NOT NULL,
    "type" TEXT NOT NULL,
    "job_id" UUID,
    "body" TEXT NOT NULL,
    "status" "WebhookDeliveryStatus" NOT NULL DEFAULT 'PENDING',
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "next_attempt_at" TIMESTAMPTZ(3),
    "response_status" INTEGER,
    "error" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "finished_at" TIMESTAMPTZ(3),

    CONSTRAINT "webhook_delivery_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "activity_event_owner_id_xid_job_id_seq_idx" ON "activity_event"("owner_id", "xid", "job_id", "seq");

-- CreateIndex
CREATE INDEX "activity_event_xid_job_id_seq_idx" ON "activity_event"("xid", "job_id", "seq");

-- CreateIndex
CREATE INDEX "webhook_owner_id_created_at_id_idx" ON "webhook"("owner_id", "created_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "webhook_delivery_webhook_id_created_at_id_idx" ON "webhook_delivery"("webhook_id", "created_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "webhook_delivery_created_at_idx" ON "webhook_delivery"("created_at");

-- CreateIndex
CREATE INDEX "job_status_finished_at_idx" ON "job"("status", "finished_at" DESC);

-- CreateIndex
CREATE INDEX "job_swept_finished_at_idx" ON "job"("swept", "finished_at");

-- AddForeignKey
ALTER TABLE "activity_event" ADD CONSTRAINT "activity_event_job_id_seq_fkey" FOREIGN KEY ("job_id", "seq") REFERENCES "job_event"("job_id", "seq") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "webhook_delivery" ADD CONSTRAINT "webhook_delivery_webhook_id_fkey" FOREIGN KEY ("webhook_id") REFERENCES "webhook"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- Written by hand from here on: what schema.prisma cannot say.

-- Every event but those of progress is activity, also of kinds that come later. The job's row is locked by whoever writes its events, so
-- max(xid) is the event before this one: within a job the order is that of seq, whichever transaction took its number first. A number of
-- the future comes from the cluster that the database was restored from, and says nothing here.
CREATE FUNCTION "record_activity"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO activity_event (owner_id, job_id, seq, xid)
  SELECT owner_id, NEW.job_id, NEW.seq, greatest(
    pg_current_xact_id()::text::bigint,
    (SELECT max(xid) FROM activity_event WHERE job_id = NEW.job_id AND xid < pg_snapshot_xmax(pg_current_snapshot())::text::bigint))
  FROM job WHERE id = NEW.job_id;
  RETURN NULL;
END $$;
CREATE TRIGGER "job_event_activity" AFTER INSERT ON "job_event" FOR EACH ROW
  WHEN (NEW.type NOT IN ('TokensGenerated', 'FramesDecoded', 'AudioDecoded', 'TextDecoded'))
  EXECUTE FUNCTION "record_activity"();
