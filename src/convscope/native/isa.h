/* Everything that is compiled once for each instruction set. */
#include "vector.h"
#include "activations.h"
#include "conv.h"
#include "linear.h"
#include "windows.h"
#include "block.h"
#include "convolution.h"
#define SCALAR float
#include "slide.h"
#undef SCALAR
#define SCALAR double
#include "slide.h"
#include "fourier.h"

const Convolver CONVOLVER = {slide_float, slide_double, spectrum, filter};
