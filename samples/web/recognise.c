/* What a page calls: it writes to the picture, and reads the scores. */
#include "net.h"

static struct net memory;
static float picture_values[NET_IMAGE_SIZE];
static float score_values[NET_LOGITS_SIZE];

float *picture(void) { return picture_values; }

float *scores(void) { return score_values; }

int recognise(void) { return net_run(&memory, picture_values, score_values); }
