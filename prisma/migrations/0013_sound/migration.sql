-- AlterEnum

ALTER TYPE "Task" ADD VALUE 'TEXT_TO_AUDIO';
ALTER TYPE "Task" ADD VALUE 'VIDEO_TO_AUDIO';
ALTER TYPE "Task" ADD VALUE 'AUDIO_TO_VIDEO';
ALTER TYPE "Task" ADD VALUE 'VIDEO_TO_TEXT';
ALTER TYPE "Task" ADD VALUE 'AUDIO_TO_TEXT';

-- AlterTable
ALTER TABLE "asset_tokens" DROP CONSTRAINT "asset_tokens_pkey",
ADD COLUMN     "kind" "AssetKind" NOT NULL DEFAULT 'VIDEO',
ADD CONSTRAINT "asset_tokens_pkey" PRIMARY KEY ("asset_id", "kind");

-- CreateTable
CREATE TABLE "preview_sound" (
    "job_id" UUID NOT NULL,
    "seq" INTEGER NOT NULL,
    "wav" BYTEA NOT NULL,

    CONSTRAINT "preview_sound_pkey" PRIMARY KEY ("job_id","seq")
);

-- AddForeignKey
ALTER TABLE "preview_sound" ADD CONSTRAINT "preview_sound_job_id_seq_fkey" FOREIGN KEY ("job_id", "seq") REFERENCES "job_event"("job_id", "seq") ON DELETE CASCADE ON UPDATE CASCADE;
