/* bfloat16: the upper half of a float32. */
#ifndef CONVSCOPE_BFLOAT_H
#define CONVSCOPE_BFLOAT_H
#include <stdint.h>
#include <string.h>

static inline __attribute__((always_inline)) float wide(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* To the nearest, ties to even. */
static inline __attribute__((always_inline)) uint16_t narrow(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    return (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? bits >> 16 | 0x40 : rounded);
}

#endif
