-- CreateEnum
CREATE TYPE "Task" AS ENUM ('TEXT_TO_IMAGE', 'TEXT_TO_VIDEO');

-- CreateEnum
CREATE TYPE "JobStatus" AS ENUM ('QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELED');

-- CreateEnum
CREATE TYPE "AssetKind" AS ENUM ('TEXT', 'IMAGE', 'VIDEO', 'AUDIO', 'MASK');

-- CreateEnum
CREATE TYPE "AssetOrigin" AS ENUM ('GENERATED', 'UPLOADED');

-- CreateTable
CREATE TABLE "job" (
    "id" UUID NOT NULL,
    "owner_id" TEXT NOT NULL,
    "task" "Task" NOT NULL,
    "status" "JobStatus" NOT NULL DEFAULT 'QUEUED',
    "input" JSONB NOT NULL,
    "input_digest" TEXT NOT NULL,
    "idempotency_key" TEXT,
    "seed" INTEGER NOT NULL,
    "candidates" INTEGER NOT NULL,
    "sampling" JSONB NOT NULL,
    "model_name" TEXT NOT NULL,
    "model_digest" TEXT NOT NULL,
    "execution_provider" TEXT,
    "warnings" JSONB NOT NULL DEFAULT '[]',
    "attempt" INTEGER NOT NULL DEFAULT 0,
    "tries" INTEGER NOT NULL DEFAULT 0,
    "tokens_done" INTEGER NOT NULL DEFAULT 0,
    "tokens_total" INTEGER NOT NULL DEFAULT 0,
    "tokens_per_second" DOUBLE PRECISION NOT NULL DEFAULT 0,
    "eta_ms" INTEGER,
    "last_seq" INTEGER NOT NULL DEFAULT 0,
    "error_code" TEXT,
    "error_message" TEXT,
    "title" TEXT,
    "tags" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "deadline_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "started_at" TIMESTAMPTZ(3),
    "finished_at" TIMESTAMPTZ(3),
    "retry_of_id" UUID,

    CONSTRAINT "job_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "job_event" (
    "job_id" UUID NOT NULL,
    "seq" INTEGER NOT NULL,
    "type" TEXT NOT NULL,
    "payload" JSONB NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "job_event_pkey" PRIMARY KEY ("job_id","seq")
);

-- CreateTable
CREATE TABLE "preview_frame" (
    "job_id" UUID NOT NULL,
    "seq" INTEGER NOT NULL,
    "frame_index" INTEGER NOT NULL,
    "width" INTEGER NOT NULL,
    "height" INTEGER NOT NULL,
    "webp" BYTEA NOT NULL,

    CONSTRAINT "preview_frame_pkey" PRIMARY KEY ("job_id","seq","frame_index")
);

-- CreateTable
CREATE TABLE "asset" (
    "id" UUID NOT NULL,
    "owner_id" TEXT NOT NULL,
    "kind" "AssetKind" NOT NULL,
    "origin" "AssetOrigin" NOT NULL,
    "title" TEXT,
    "tags" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "content_type" TEXT NOT NULL,
    "byte_size" INTEGER NOT NULL,
    "sha256" TEXT NOT NULL,
    "width" INTEGER,
    "height" INTEGER,
    "fps" DOUBLE PRECISION,
    "frame_count" INTEGER,
    "duration_ms" INTEGER,
    "has_audio" BOOLEAN NOT NULL DEFAULT false,
    "thumbhash" TEXT,
    "thumbnail_sha256" TEXT,
    "frames_sha256" TEXT,
    "job_id" UUID,
    "candidate" INTEGER,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "asset_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "asset_parent" (
    "child_id" UUID NOT NULL,
    "parent_id" UUID NOT NULL,

    CONSTRAINT "asset_parent_pkey" PRIMARY KEY ("child_id","parent_id")
);

-- CreateTable
CREATE TABLE "blob" (
    "sha256" TEXT NOT NULL,
    "byte_size" INTEGER NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "blob_pkey" PRIMARY KEY ("sha256")
);

-- CreateTable
CREATE TABLE "blob_chunk" (
    "sha256" TEXT NOT NULL,
    "index" INTEGER NOT NULL,
    "bytes" BYTEA NOT NULL,

    CONSTRAINT "blob_chunk_pkey" PRIMARY KEY ("sha256","index")
);

-- CreateTable
CREATE TABLE "setting" (
    "key" TEXT NOT NULL,
    "value" TEXT NOT NULL,

    CONSTRAINT "setting_pkey" PRIMARY KEY ("key")
);

-- CreateIndex
CREATE INDEX "job_owner_id_created_at_id_idx" ON "job"("owner_id", "created_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "job_status_created_at_idx" ON "job"("status", "created_at");

-- CreateIndex
CREATE UNIQUE INDEX "job_owner_id_idempotency_key_key" ON "job"("owner_id", "idempotency_key");

-- CreateIndex
CREATE INDEX "asset_owner_id_created_at_id_idx" ON "asset"("owner_id", "created_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "asset_sha256_idx" ON "asset"("sha256");

-- CreateIndex
CREATE INDEX "asset_thumbnail_sha256_idx" ON "asset"("thumbnail_sha256");

-- CreateIndex
CREATE INDEX "asset_tags_idx" ON "asset" USING GIN ("tags");

-- CreateIndex
CREATE UNIQUE INDEX "asset_job_id_candidate_key" ON "asset"("job_id", "candidate");

-- CreateIndex
CREATE INDEX "asset_parent_parent_id_idx" ON "asset_parent"("parent_id");

-- AddForeignKey
ALTER TABLE "job_event" ADD CONSTRAINT "job_event_job_id_fkey" FOREIGN KEY ("job_id") REFERENCES "job"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "preview_frame" ADD CONSTRAINT "preview_frame_job_id_seq_fkey" FOREIGN KEY ("job_id", "seq") REFERENCES "job_event"("job_id", "seq") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "asset" ADD CONSTRAINT "asset_job_id_fkey" FOREIGN KEY ("job_id") REFERENCES "job"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "asset" ADD CONSTRAINT "asset_sha256_fkey" FOREIGN KEY ("sha256") REFERENCES "blob"("sha256") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "asset" ADD CONSTRAINT "asset_thumbnail_sha256_fkey" FOREIGN KEY ("thumbnail_sha256") REFERENCES "blob"("sha256") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "asset_parent" ADD CONSTRAINT "asset_parent_child_id_fkey" FOREIGN KEY ("child_id") REFERENCES "asset"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "asset_parent" ADD CONSTRAINT "asset_parent_parent_id_fkey" FOREIGN KEY ("parent_id") REFERENCES "asset"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "blob_chunk" ADD CONSTRAINT "blob_chunk_sha256_fkey" FOREIGN KEY ("sha256") REFERENCES "blob"("sha256") ON DELETE CASCADE ON UPDATE CASCADE;

-- Written by hand from here on: what schema.prisma cannot say.

-- Bytes that are compressed already: no second compression, and ranges of them are read without the rest.
ALTER TABLE "blob_chunk" ALTER COLUMN "bytes" SET STORAGE EXTERNAL;
ALTER TABLE "preview_frame" ALTER COLUMN "webp" SET STORAGE EXTERNAL;

-- Words of a prompt; 'simple' because prompts come in any language.
CREATE INDEX "job_prompt_search_idx" ON "job" USING GIN (to_tsvector('simple', "input" ->> 'prompt'));

-- A job's row is updated at each event: room on the page keeps those updates off the indexes.
ALTER TABLE "job" SET (fillfactor = 70);

-- The laws of a job that no code path may break.
ALTER TABLE "job"
  ADD CONSTRAINT "job_finished_at_check" CHECK (("finished_at" IS NOT NULL) = ("status" IN ('SUCCEEDED', 'FAILED', 'CANCELED'))),
  ADD CONSTRAINT "job_candidates_check" CHECK ("candidates" BETWEEN 1 AND 4);
ALTER TABLE "job_event" ADD CONSTRAINT "job_event_seq_check" CHECK ("seq" >= 1);
