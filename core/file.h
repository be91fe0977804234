// Files: read-only mappings and outputs that appear whole or not at all.
#pragma once

#include "core/atomic_file.h"
#include "core/byte_sink.h"
#include "core/mapped_file.h"
