// Instances as the API takes and gives them.

import { z } from '@hono/zod-openapi'
import { INSTANCE_SLUG } from '../../workflows/workflow-ids.ts'
import { timeSchema } from './shared.ts'

const slugSchema = z
  .string()
  .regex(
    INSTANCE_SLUG,
    'must be lower-case letters, digits, "-" and "_", at most 64, the first a letter or digit',
  )
  .openapi({ example: 'acme' })

const nameSchema = z
  .string()
  .trim()
  .min(1, 'must not be empty')
  .max(200, 'must have at most 200 characters')
  .openapi({ example: 'Acme, production' })

export const instanceSchema = z
  .object({
    id: z.string().openapi({ description: 'The slug again' }),
    slug: slugSchema,
    name: z.string(),
    created_at: timeSchema,
    updated_at: timeSchema,
  })
  .openapi('Instance')

export const newInstanceSchema = z
  .strictObject({ slug: slugSchema, name: nameSchema.optional() })
  .openapi('NewInstance')

export const instancePatchSchema = z.strictObject({ name: nameSchema }).partial().openapi('InstancePatch')
