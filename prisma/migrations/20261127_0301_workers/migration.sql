-- AlterTable
ALTER TABLE "job" ADD COLUMN     "fault" TEXT,
ADD COLUMN     "worker" TEXT;

-- CreateTable
CREATE TABLE "worker" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "version" TEXT NOT NULL,
    "draining" BOOLEAN NOT NULL DEFAULT false,
    "info" JSONB,
    "bundle_digest" TEXT,
    "slots" INTEGER NOT NULL,
    "used_slots" INTEGER NOT NULL,
    "running_jobs" INTEGER NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "seen_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "worker_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "job_checkpoint" (
    "job_id" UUID NOT NULL,
    "part" INTEGER NOT NULL,
    "model_digest" TEXT NOT NULL,
    "codes" BYTEA NOT NULL,

    CONSTRAINT "job_checkpoint_pkey" PRIMARY KEY ("job_id","part")
);

-- AddForeignKey
ALTER TABLE "job_checkpoint" ADD CONSTRAINT "job_checkpoint_job_id_fkey" FOREIGN KEY ("job_id") REFERENCES "job"("id") ON DELETE CASCADE ON UPDATE CASCADE;
