// Files: read-only mappings and outputs that appear whole or not at all.
#pragma once

#include "core/byte_sink.h"
#include "system/atomic_file.h"
#include "system/mapped_file.h"
