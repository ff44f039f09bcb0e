/* refused: a rounding left open, an fma that the source lacks */
__global__ void axpy(float *y, const float *x, float a)
{
    float fused, open;

    asm("fma.rn.f32 %0, %1, %2, %0;" : "=f"(fused) : "f"(x[threadIdx.x]), "f"(a));
    asm("mul.f32 %0, %1, %2;" : "=f"(open) : "f"(x[threadIdx.x]), "f"(a));
    y[threadIdx.x] = fused + open;
}
