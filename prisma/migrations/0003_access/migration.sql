-- CreateEnum
CREATE TYPE "ViewerRole" AS ENUM ('USER', 'ADMIN');

-- CreateEnum
CREATE TYPE "ApiKeyScope" AS ENUM ('READ', 'WRITE', 'KEYS');

-- AlterTable
ALTER TABLE "job" ADD COLUMN     "turn" INTEGER NOT NULL DEFAULT 0;

-- CreateTable
CREATE TABLE "api_key" (
    "id" UUID NOT NULL,
    "owner_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "role" "ViewerRole" NOT NULL DEFAULT 'USER',
    "scopes" "ApiKeyScope"[],
    "prefix" TEXT NOT NULL,
    "secret_sha256" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3),
    "revoked_at" TIMESTAMPTZ(3),
    "last_used_at" TIMESTAMPTZ(3),

    CONSTRAINT "api_key_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "api_key_secret_sha256_key" ON "api_key"("secret_sha256");

-- CreateIndex
CREATE INDEX "api_key_owner_id_created_at_id_idx" ON "api_key"("owner_id", "created_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "api_key_created_at_id_idx" ON "api_key"("created_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "job_owner_id_status_idx" ON "job"("owner_id", "status");
