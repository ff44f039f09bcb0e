/* refused: an atomic operation on floats, RED or ATOM on floats */
__global__ void total(float *sum, const float *x)
{
    atomicAdd(sum, x[threadIdx.x]);
}
