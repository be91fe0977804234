// The tables of dataset.toml.
#pragma once

#include "data/config_values.h"
#include "data/dataset_config.h"

namespace qc {

void read_data_section(const ConfigPlace& place, DatasetConfig& config);
void read_inputs_section(const ConfigPlace& place, DatasetConfig& config);
void read_audio_section(const ConfigPlace& place, DatasetConfig& config);
void read_text_section(const ConfigPlace& place, DatasetConfig& config);

}  // namespace qc
