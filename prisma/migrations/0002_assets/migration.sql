-- AlterTable
ALTER TABLE "asset" ADD COLUMN     "channels" INTEGER,
ADD COLUMN     "deleted_at" TIMESTAMPTZ(3),
ADD COLUMN     "expires_at" TIMESTAMPTZ(3),
ADD COLUMN     "model_name" TEXT,
ADD COLUMN     "sample_rate_hz" INTEGER,
ADD COLUMN     "search" tsvector,
ADD COLUMN     "seed" INTEGER,
ADD COLUMN     "task" "Task",
ADD COLUMN     "text" TEXT;

-- CreateTable
CREATE TABLE "asset_variant" (
    "asset_id" UUID NOT NULL,
    "format" TEXT NOT NULL,
    "content_type" TEXT NOT NULL,
    "sha256" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "asset_variant_pkey" PRIMARY KEY ("asset_id","format")
);

-- CreateTable
CREATE TABLE "upload" (
    "id" UUID NOT NULL,
    "owner_id" TEXT NOT NULL,
    "kind" "AssetKind" NOT NULL,
    "filename" TEXT NOT NULL,
    "content_type" TEXT NOT NULL,
    "byte_size" INTEGER NOT NULL,
    "received" INTEGER NOT NULL DEFAULT 0,
    "sha256" TEXT,
    "title" TEXT,
    "tags" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "asset_ttl" INTEGER,
    "error_code" TEXT,
    "error_message" TEXT,
    "asset_id" UUID,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "upload_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "upload_chunk" (
    "upload_id" UUID NOT NULL,
    "index" INTEGER NOT NULL,
    "bytes" BYTEA NOT NULL,

    CONSTRAINT "upload_chunk_pkey" PRIMARY KEY ("upload_id","index")
);

-- CreateIndex
CREATE INDEX "asset_variant_sha256_idx" ON "asset_variant"("sha256");

-- CreateIndex
CREATE INDEX "upload_owner_id_expires_at_idx" ON "upload"("owner_id", "expires_at");

-- CreateIndex
CREATE INDEX "upload_expires_at_idx" ON "upload"("expires_at");

-- CreateIndex
CREATE INDEX "asset_search_idx" ON "asset" USING GIN ("search");

-- CreateIndex
CREATE INDEX "asset_owner_id_seed_idx" ON "asset"("owner_id", "seed");

-- CreateIndex
CREATE INDEX "asset_deleted_at_idx" ON "asset"("deleted_at");

-- CreateIndex
CREATE INDEX "asset_expires_at_idx" ON "asset"("expires_at");

-- AddForeignKey
ALTER TABLE "asset_variant" ADD CONSTRAINT "asset_variant_asset_id_fkey" FOREIGN KEY ("asset_id") REFERENCES "asset"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "asset_variant" ADD CONSTRAINT "asset_variant_sha256_fkey" FOREIGN KEY ("sha256") REFERENCES "blob"("sha256") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "upload_chunk" ADD CONSTRAINT "upload_chunk_upload_id_fkey" FOREIGN KEY ("upload_id") REFERENCES "upload"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- Written by hand from here on: what schema.prisma cannot say.

ALTER TABLE "upload_chunk" ALTER COLUMN "bytes" SET STORAGE EXTERNAL;
ALTER TABLE "upload" ADD CONSTRAINT "upload_received_check" CHECK ("received" BETWEEN 0 AND "byte_size" AND "byte_size" > 0);

-- What lists filter by stands in the asset's own row. Words as they are written, in any language, and English ones by their stem too.
CREATE FUNCTION asset_search_words(words text) RETURNS tsvector LANGUAGE sql IMMUTABLE
  RETURN to_tsvector('pg_catalog.simple'::regconfig, coalesce(words, '')) || to_tsvector('pg_catalog.english'::regconfig, coalesce(words, ''));

CREATE FUNCTION asset_copy_of_job() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  made_by record;
BEGIN
  IF NEW.job_id IS NOT NULL THEN
    SELECT j.task, j.seed, j.model_name, j.input ->> 'prompt' AS prompt INTO made_by FROM job j WHERE j.id = NEW.job_id;
    IF FOUND THEN
      NEW.task := made_by.task;
      NEW.seed := coalesce(NEW.seed, made_by.seed);
      NEW.model_name := made_by.model_name;
      NEW.search := asset_search_words(concat_ws(' . ', NEW.title, NEW.text, made_by.prompt));
      RETURN NEW;
    END IF;
  END IF;
  NEW.search := asset_search_words(concat_ws(' . ', NEW.title, NEW.text));
  RETURN NEW;
END $$;

CREATE TRIGGER asset_copy_of_job BEFORE INSERT OR UPDATE OF job_id, title, text ON "asset" FOR EACH ROW EXECUTE FUNCTION asset_copy_of_job();
UPDATE "asset" SET "title" = "title";

-- Common words of a search are told from rare ones by more than a hundred of them.
ALTER TABLE "asset" ALTER COLUMN "search" SET STATISTICS 1000;
