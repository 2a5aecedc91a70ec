-- AlterEnum


ALTER TYPE "Task" ADD VALUE 'IMAGE_TO_VIDEO';
ALTER TYPE "Task" ADD VALUE 'EXTEND_VIDEO';
ALTER TYPE "Task" ADD VALUE 'INPAINT_VIDEO';
ALTER TYPE "Task" ADD VALUE 'OUTPAINT_VIDEO';
ALTER TYPE "Task" ADD VALUE 'EDIT_VIDEO';
ALTER TYPE "Task" ADD VALUE 'FILM';

-- AlterTable
ALTER TABLE "asset" ADD COLUMN     "chosen" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "shot" INTEGER;

-- CreateTable
CREATE TABLE "asset_tokens" (
    "asset_id" UUID NOT NULL,
    "codec" TEXT NOT NULL,
    "skip" INTEGER NOT NULL DEFAULT 0,
    "exact" BOOLEAN NOT NULL,
    "codes" BYTEA NOT NULL,

    CONSTRAINT "asset_tokens_pkey" PRIMARY KEY ("asset_id")
);

-- CreateIndex
CREATE UNIQUE INDEX "asset_job_id_shot_key" ON "asset"("job_id", "shot");

-- AddForeignKey
ALTER TABLE "asset_tokens" ADD CONSTRAINT "asset_tokens_asset_id_fkey" FOREIGN KEY ("asset_id") REFERENCES "asset"("id") ON DELETE CASCADE ON UPDATE CASCADE;
