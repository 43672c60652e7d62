/* Everything that is compiled once for each instruction set. */
#include "vector.h"
#include "activations.h"
#include "conv.h"
#include "linear.h"
#include "windows.h"
#include "block.h"
